// Real work with libsodium-wrappers: hashing, authenticated encryption, signatures, key exchange, a post-quantum
// key encapsulation and the errors of damaged input, everything from fixed seeds. Prints a transcript.

import { createRequire } from "node:module";
import { type Loose, pseudoRandomBytes, Transcript } from "./transcript.js";

const sodium = createRequire(import.meta.url)("libsodium-wrappers") as Loose;
const transcript = new Transcript();
await sodium.ready;

const key = pseudoRandomBytes(32, 11);
const nonce = pseudoRandomBytes(24, 12);
const messages = [0, 1, 63, 64, 65, 1000, 65_537, 300_000].map((length) =>
  pseudoRandomBytes(length, length + 1),
);

function damaged(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[copy.length >> 1] = (copy[copy.length >> 1] as number) ^ 1;
  return copy;
}

for (const message of messages) {
  transcript.note("generichash", sodium.crypto_generichash(64, message, key));
  transcript.note("hash", sodium.crypto_hash(message));
  transcript.note("auth", sodium.crypto_auth(message, key));
  transcript.note("shorthash", sodium.crypto_shorthash(message, key.subarray(0, 16)));
  const box = sodium.crypto_secretbox_easy(message, nonce, key);
  transcript.note("secretbox", box);
  transcript.note("opened", sodium.crypto_secretbox_open_easy(box, nonce, key));
  transcript.noteThrown("damaged box", () => sodium.crypto_secretbox_open_easy(damaged(box), nonce, key));
  const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(message, "extra", null, nonce, key);
  transcript.note("aead", sealed);
  transcript.note(
    "aead opened",
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, "extra", nonce, key),
  );
}

const signer = sodium.crypto_sign_seed_keypair(pseudoRandomBytes(32, 13));
transcript.note("sign keys", [signer.publicKey, signer.privateKey]);
for (const message of messages) {
  const signature = sodium.crypto_sign_detached(message, signer.privateKey);
  transcript.note("signature", signature);
  transcript.note("verified", sodium.crypto_sign_verify_detached(signature, message, signer.publicKey));
  transcript.note(
    "not verified",
    sodium.crypto_sign_verify_detached(damaged(signature), message, signer.publicKey),
  );
}

const ada = sodium.crypto_box_seed_keypair(pseudoRandomBytes(32, 14));
const bob = sodium.crypto_box_seed_keypair(pseudoRandomBytes(32, 15));
const letter = sodium.crypto_box_easy("to bob", nonce, bob.publicKey, ada.privateKey);
transcript.note("box", letter);
transcript.note(
  "unboxed",
  sodium.to_string(sodium.crypto_box_open_easy(letter, nonce, ada.publicKey, bob.privateKey)),
);
transcript.note("scalarmult", sodium.crypto_scalarmult(ada.privateKey, bob.publicKey));
transcript.note(
  "exchange",
  sodium.crypto_kx_client_session_keys(ada.publicKey, ada.privateKey, bob.publicKey),
);
transcript.note("derived", sodium.crypto_kdf_derive_from_key(48, 7, "contexts", key));

const pair = sodium.crypto_kem_mlkem768_seed_keypair(pseudoRandomBytes(64, 16));
const wrapped = sodium.crypto_kem_mlkem768_enc_deterministic(pair.publicKey, pseudoRandomBytes(32, 17));
transcript.note("kem", wrapped);
transcript.note("kem opened", sodium.crypto_kem_mlkem768_dec(wrapped.ciphertext, pair.privateKey));
for (const message of messages) {
  transcript.note("sha3", sodium.crypto_hash_sha3512(message));
  transcript.note("shake", sodium.crypto_xof_shake256(200, message));
  transcript.note("aegis", sodium.crypto_aead_aegis256_encrypt(message, "", null, key, key));
}

transcript.note("deterministic bytes", sodium.randombytes_buf_deterministic(1000, key));
const state = sodium.crypto_generichash_init(key, 32);
for (const message of messages) sodium.crypto_generichash_update(state, message);
transcript.note("multipart", sodium.crypto_generichash_final(state, 32));
transcript.note("hex", sodium.to_hex(sodium.from_base64(sodium.to_base64(messages[3]))));
transcript.note("padded", sodium.unpad(sodium.pad(messages[2], 16), 16));
transcript.note("compare", [
  sodium.memcmp(key, key.slice()),
  sodium.compare(key, nonce.length === 24 ? pseudoRandomBytes(32, 99) : key),
]);
transcript.noteThrown("short key", () => sodium.crypto_secretbox_easy("x", nonce, key.subarray(1)));
transcript.noteThrown("wrong type", () => sodium.crypto_generichash(32, 5, key));
transcript.finish();

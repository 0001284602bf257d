// Realistic TOML manifests and Dockerfiles, made here because packages under node_modules carry hardly any. Leaves:
// texts that differ in features and in formatting faults, the same each time.

import type { RealFile } from "./real-files.js";

const names = ["quill", "harbor", "tern", "maple", "cobalt", "lumen", "brook", "sable", "finch", "opal"];

function pick<T>(list: readonly T[], index: number): T {
  return list[index % list.length] as T;
}

function cargoManifest(i: number): string {
  const name = pick(names, i);
  const features = ["std", "derive", "rc", "alloc", "unstable"].slice(0, 1 + (i % 5));
  return `# manifest of ${name}
[package]
name="${name}-core"
version =   "${i % 3}.${i % 11}.${i}"
edition="20${i % 2 ? "18" : "21"}"
authors = [ "Ada <ada@example.org>",'Bob <bob@example.org>' ,]
description = """
A longer text about ${name},
  with lines \\
  continued.
"""

[ dependencies ]
serde={version="1.0.${i}",features=[${features.map((feature) => `"${feature}"`).join(" ,")}],default-features=false}
log  = "0.4"
"quoted key" = { path = "../q" , optional = true }
tokio.version = "1"   # trailing
tokio.features = [
"rt","macros", # why
   "net",

  "time"
]


[target.'cfg(unix)'.dependencies]
libc="0.2.${i * 7}"
[[bin]]
name = "${name}"
path="src/main.rs"
[[bin]]
name="${name}-${i}"

[profile.release]
opt-level=${i % 4}
lto = ${i % 2 === 0}
numbers = [ 1_000,0xdead_beef,0o755,0b1101,-17,+99,6.626e-34,inf,nan, ]
when=1979-05-27T07:32:00.${i % 10}-07:00
day = 1979-05-2${i % 10}
`;
}

function toolManifest(i: number): string {
  const tables = Array.from({ length: 3 + (i % 4) }, (_, n) => {
    const lines = Array.from(
      { length: 2 + ((i + n) % 5) },
      (_, k) => `key_${k}=${k % 2 ? `'literal \\ ${k}'` : `"text\\t${k}"`}  # ${n}`,
    );
    return `[tool.${pick(names, i + n)}${n}]\n${lines.join("\n")}\nnested = {a={b={c=${n}}},list=[{x=1,y=2},{x=3,y=4}]}\n`;
  });
  return `[build-system]\nrequires=["setuptools>=61",\n"wheel"]\nbuild-backend='setuptools.build_meta'\n\n\n\n${tables.join("\n\n")}`;
}

/** Twenty TOML files. */
export function tomlSamples(): RealFile[] {
  return Array.from({ length: 20 }, (_, i) => ({
    path: i % 2 === 0 ? `made/${i}/Cargo.toml` : `made/${i}/pyproject.toml`,
    text: i % 2 === 0 ? cargoManifest(i) : toolManifest(i),
  }));
}

function dockerfile(i: number): string {
  const name = pick(names, i);
  const stages = Array.from({ length: 1 + (i % 3) }, (_, stage) => {
    const base = pick(["node:20-alpine", "debian:bookworm-slim", "golang:1.22", "python:3.12"], i + stage);
    return `from   ${base} ${stage < i % 3 ? `AS stage${stage}` : ""}
# install what ${name} needs
RUN apt-get update   &&  apt-get install -y \\
    curl \\
       git=${i}.* \\
  # a comment between
  && rm -rf /var/lib/apt/lists/*
WORKDIR   /srv/${name}
${stage > 0 ? `COPY --from=stage${stage - 1} --chown=1000:1000 /srv/out   ./` : "COPY package.json package-lock.json ./"}
`;
  });
  return `# syntax=docker/dockerfile:1
ARG VERSION=${i}

${stages.join("\n\n\n")}
ENV A=1 B="two words"   C=three
ENV LEGACY value with spaces
ARG   TARGET
LABEL org.example.name="${name}"   org.example.count="${i}"
USER  node
EXPOSE 80${i % 10}0/tcp   53/udp
VOLUME ["/data","/cache"]
HEALTHCHECK --interval=${10 + i}s  CMD curl -f http://localhost/ || exit 1
SHELL ["/bin/bash","-c"]
STOPSIGNAL SIGTERM
ONBUILD run echo hello
${i % 2 ? `ENTRYPOINT ["node",   "--enable-source-maps","main.js"]` : "ENTRYPOINT exec node main.js $ARGS"}
cmd   [ "--port" , "80${i % 10}0" ]`;
}

/** `count` Dockerfiles. */
export function dockerfileSamples(count: number): RealFile[] {
  return Array.from({ length: count }, (_, i) => ({ path: `made/${i}/Dockerfile`, text: dockerfile(i) }));
}

/**
 * WASI's error numbers, and the ways from other errors to them: from Linux's numbers, and from the `code` of Node's
 * errors and of those that a user's file system throws.
 *
 * Source: WASI preview 1, typenames.witx, `errno`.
 */
import { constants } from "node:os";

// biome-ignore format: a table
const names = [
  "SUCCESS", "E2BIG", "EACCES", "EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EAGAIN", "EALREADY", "EBADF", "EBADMSG",
  "EBUSY", "ECANCELED", "ECHILD", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EDEADLK", "EDESTADDRREQ", "EDOM",
  "EDQUOT", "EEXIST", "EFAULT", "EFBIG", "EHOSTUNREACH", "EIDRM", "EILSEQ", "EINPROGRESS", "EINTR", "EINVAL", "EIO",
  "EISCONN", "EISDIR", "ELOOP", "EMFILE", "EMLINK", "EMSGSIZE", "EMULTIHOP", "ENAMETOOLONG", "ENETDOWN", "ENETRESET",
  "ENETUNREACH", "ENFILE", "ENOBUFS", "ENODEV", "ENOENT", "ENOEXEC", "ENOLCK", "ENOLINK", "ENOMEM", "ENOMSG",
  "ENOPROTOOPT", "ENOSPC", "ENOSYS", "ENOTCONN", "ENOTDIR", "ENOTEMPTY", "ENOTRECOVERABLE", "ENOTSOCK", "ENOTSUP",
  "ENOTTY", "ENXIO", "EOVERFLOW", "EOWNERDEAD", "EPERM", "EPIPE", "EPROTO", "EPROTONOSUPPORT", "EPROTOTYPE", "ERANGE",
  "EROFS", "ESPIPE", "ESRCH", "ESTALE", "ETIMEDOUT", "ETXTBSY", "EXDEV", "ENOTCAPABLE",
] as const;

/** An error's name, as in POSIX; `ENOTCAPABLE` is WASI's own: the descriptor lacks a right. */
export type ErrorName = Exclude<(typeof names)[number], "SUCCESS">;

/** Error numbers by name. */
export const Errno = Object.fromEntries(names.map((name, number) => [name, number])) as Readonly<
  Record<(typeof names)[number], number>
>;

/**
 * What a file system throws so that the guest gets an error number. Any error with such a `code`, as those of
 * `node:fs`, does as well.
 *
 * @example
 * throw new FileError("ENOENT");
 */
export class FileError extends Error {
  override readonly name = "FileError";
  constructor(
    readonly code: ErrorName,
    message: string = code,
  ) {
    super(message);
  }
}

const made = new Map<ErrorName, FileError>();

/**
 * Throws a FileError for a guest. One of each code is made and thrown again: to a guest these are everyday results, and
 * their stack, which nobody sees, would cost more than the call.
 */
export function fail(code: ErrorName): never {
  let error = made.get(code);
  if (error === undefined) {
    error = new FileError(code);
    made.set(code, error);
  }
  throw error;
}

const byLinuxNumber = new Map<number, ErrorName>();
for (const [name, number] of Object.entries(constants.errno)) {
  if (Object.hasOwn(Errno, name)) byLinuxNumber.set(number, name as ErrorName);
}
// Two names for one number on Linux, of which WASI has one each.
byLinuxNumber.set(constants.errno.EAGAIN, "EAGAIN");
byLinuxNumber.set(constants.errno.EOPNOTSUPP, "ENOTSUP");

/** Passes a system call's result on; throws where that is a negative error number. */
export function checked(result: number): number {
  if (result >= 0) return result;
  return fail(byLinuxNumber.get(-result) ?? "EIO");
}

/** The error number of what was thrown; undefined if it isn't an error for the guest, but a fault of the host's. */
export function errnoOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code } = error as { code?: unknown };
  if (typeof code !== "string") return undefined;
  // Node's streams and arguments have codes of their own, but those that are the system's have POSIX names.
  return Object.hasOwn(Errno, code) && code !== "SUCCESS" ? Errno[code as ErrorName] : undefined;
}

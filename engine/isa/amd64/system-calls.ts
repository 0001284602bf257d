/** Numbers of Linux's system calls. Source: Linux arch/x86/entry/syscalls/syscall_64.tbl. */
export const SystemCall = {
  write: 1,
  close: 3,
  rtSigaction: 13,
  rtSigprocmask: 14,
  getpid: 39,
  getpriority: 140,
  setpriority: 141,
  gettid: 186,
  futex: 202,
  clockGettime: 228,
  tgkill: 234,
  rtTgsigqueueinfo: 297,
  membarrier: 324,
} as const;

/** Numbers of Linux's system calls. Source: Linux include/uapi/asm-generic/unistd.h. */
export const SystemCall = {
  close: 57,
  write: 64,
  futex: 98,
  clockGettime: 113,
  tgkill: 131,
  rtSigaction: 134,
  rtSigprocmask: 135,
  setpriority: 140,
  getpriority: 141,
  getpid: 172,
  gettid: 178,
  rtTgsigqueueinfo: 240,
  membarrier: 283,
} as const;

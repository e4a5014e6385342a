/* Makes only two system calls of its own, for filters that refuse the others. */

static long call(long number, long a, long b, long c) {
#if defined(__x86_64__)
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
#endif
}

#if defined(__x86_64__)
enum { WRITE = 1, EXIT_GROUP = 231 };
#else
enum { WRITE = 64, EXIT_GROUP = 94 };
#endif

void _start(void) {
  static const char said[] = "here\n";
  call(WRITE, 1, (long)said, sizeof said - 1);
  call(EXIT_GROUP, 7, 0, 0);
  __builtin_unreachable();
}

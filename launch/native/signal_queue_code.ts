// Generated from signal_queue.c by scripts/walker.ts. Do not edit.

/** The handler of the signals that the parent reads for each architecture, in base64, and what compiled it. */
export const SIGNAL_QUEUE = {
  // 222 bytes
  x86_64: {
    compiler: "x86_64-linux-gnu-gcc (Debian 12.2.0-14+deb12u1) 12.2.0",
    code:
      "uA8AAAAPBQAAAAAA/////+kAAAAAMdJBVEUx0kmJ9FVFMcBFMcm4JwAAAFNIidZIY99IidcP" +
      "BUGDfCQIAIhcJN9IicV+bYP7H3dvuAEAAACJ2UjT4EmJxEGB5LAJAIB1GakAAGAAdFK4PgAA" +
      "AL4TAAAASInvTIni610xwEiNfCTguQgAAABFMcDzq0iNdCTgQboIAAAARTHJuA0AAABIid8P" +
      "BUUx0rg+AAAASInvSIne6yRBOUQkEHQfuAEAAABIjXQk30Ux0kUxwEhjPTv///9FMclIicIP" +
      "BVtdQVzD",
  },
  // 240 bytes
  aarch64: {
    compiler: "aarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0",
    code:
      "aBGA0gEAANQAAAAA/////wEAABQGfECT6QMBqv/DANGIFYDSAACA0gEAgNICAIDSAwCA0gQA" +
      "gNIFAIDSAQAA1CEJQLnnAwCq5j8AOT8AAHGNAwBU33wAcagDAFQhAIDSCDaB0iEgxpoIALDy" +
      "PwAI6gEBAFQ/BGvyoAIAVCgQgNJhAoDSAQAA1P/DAJHAA1/W4UMAkeADBqrIEIDSAwGA0v9/" +
      "Aan/fwKpAQAA1CgQgNLgAweq4QMGqgMAgNLy//8XIBFAuR8AB2sA/v9UAAAAkOE/AJEICIDS" +
      "IgCA0gAMgLkDAIDSBACA0gUAgNLm//8X",
  },
} as const;

/** A DNS server of a test, on another host. */

import type { NetworkNamespace } from "./_namespace.ts";

/**
 * Answers A for names below example.test with 198.51.100.7, `other.` with
 * 203.0.113.9, `many.` with 60 addresses (too large for UDP), `evil.` with
 * addresses that no name stands for, `lost.` never, and everything else with
 * NXDOMAIN. Prints each question.
 */
const SERVER = `import socket, struct, sys, threading
def answer(q, tcp):
    at = 12; labels = []
    while q[at]:
        labels.append(q[at+1:at+1+q[at]].decode("latin1").lower()); at += q[at] + 1
    kind = struct.unpack(">H", q[at+1:at+3])[0]; end = at + 5
    name = ".".join(labels)
    print(("tcp " if tcp else "udp ") + ascii(name)[1:-1], flush=True)
    if labels and labels[0] == "lost": return None
    known = name.endswith("example.test")
    found = []
    if known and kind == 1:
        found = [bytes([198, 51, 100, 7])]
        if labels[0] == "other": found = [bytes([203, 0, 113, 9])]
        if labels[0] == "many": found = [bytes([198, 51, 100, i]) for i in range(1, 61)]
        if labels[0] == "evil": found = [bytes([169, 254, 169, 254]), bytes([127, 0, 0, 1])]
    if known and kind == 28 and labels[0] == "six": found = [socket.inet_pton(socket.AF_INET6, "2001:db8::7")]
    cut = len(found) > 20 and not tcp
    head = q[:2] + struct.pack(">HHHHH", 0x8180 | (0x200 if cut else 0) | (0 if known else 3), 1, 0 if cut else len(found), 0, 0)
    body = b"".join(b"\\xc0\\x0c" + struct.pack(">HHIH", kind, 1, 60, len(a)) + a for a in found)
    return head + q[12:end] + (b"" if cut else body)
where = (sys.argv[1], 53)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(where)
t = socket.socket(); t.setsockopt(1, 2, 1); t.bind(where); t.listen()
def stream():
    while True:
        c, _ = t.accept(); n = struct.unpack(">H", c.recv(2))[0]; a = answer(c.recv(n), True)
        if a: c.sendall(struct.pack(">H", len(a)) + a)
        c.close()
threading.Thread(target=stream, daemon=True).start()
print("ready", flush=True)
while True:
    q, who = u.recvfrom(4096); a = answer(q, False)
    if a: u.sendto(a, who)
`;

/** A DNS server, until it is disposed of. */
export class DnsServer implements AsyncDisposable {
  /** The questions so far: `udp NAME` or `tcp NAME`. */
  readonly asked: string[] = [];
  readonly #process: Deno.ChildProcess;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
  }

  /** Starts it at an address, in a namespace or here. */
  static async start(
    address: string,
    namespace?: NetworkNamespace,
  ): Promise<DnsServer> {
    const words = ["python3", "-c", SERVER, address];
    const [program = "", ...args] = namespace?.words(...words) ?? words;
    const server = new DnsServer(
      new Deno.Command(program, { args, stdin: "null", stdout: "piped" })
        .spawn(),
    );
    const ready = Promise.withResolvers<void>();
    server.#read(ready.resolve);
    await ready.promise;
    return server;
  }

  async #read(ready: () => void): Promise<void> {
    let rest = "";
    for await (
      const text of this.#process.stdout.pipeThrough(new TextDecoderStream())
    ) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "ready") ready();
        else this.asked.push(line);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }
}

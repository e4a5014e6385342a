/** TLS without a check of the certificate, only where it is allowed. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { parseReference } from "../spec/reference.ts";
import { Clients, Connection } from "./connection.ts";
import { RegistryError } from "./errors.ts";
import { Repository } from "./repository.ts";
import { content, read } from "./_server_fixture.ts";

/** A certificate that no authority has signed, valid for a hundred years. */
const SELF_SIGNED = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUTelnAR9PeTJ0ySTpdPUhDzPEmDgwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBeDAgFw0yNjEyMDEwMTA5NTlaGA8yMTI2MTEwNzAxMDk1OVow
DDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABK4GWf1SsnL6
gv2pzstrc/B8cdK4X0aoGWoVfnLewEtmXL4vKUU9PrkNIqKMEYvm8JGNdtfeVBsR
ljuV18CnWtKjUzBRMB0GA1UdDgQWBBTD9DaSqMizCU6m1A/GH9eFgxFF3DAfBgNV
HSMEGDAWgBTD9DaSqMizCU6m1A/GH9eFgxFF3DAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQDcLTCEHXwVr5A+Bdjge/bl/dQrEVs+jwXv2Jh+TA6S
sgIgCBZFWyR1LKMyUdeKt3IUMWZgNM9gSvu99/f5HdiLPPk=
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaoPpKPfDxmusFptw
b11/YuyGZEJIU0D1FvZrw81HCamhRANCAASuBln9UrJy+oL9qc7La3PwfHHSuF9G
qBlqFX5y3sBLZly+LylFPT65DSKijBGL5vCRjXbX3lQbEZY7ldfAp1rS
-----END PRIVATE KEY-----
`,
};

Deno.test("any certificate will do for an insecure registry, and only for it", async () => {
  const { bytes, descriptor } = content();
  const seen: string[] = [];
  await using server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen() {},
    ...SELF_SIGNED,
  }, async (request) => {
    seen.push(`${request.method} ${await request.text()}`);
    return new Response(request.method === "HEAD" ? null : bytes, {
      headers: { "content-length": `${bytes.length}` },
    });
  });
  const host = `127.0.0.1:${server.addr.port}`;
  using clients = new Clients();
  const repository = (insecure: boolean) =>
    new Repository(
      new Connection(host, {
        insecure,
        credentials: () => Promise.resolve(null),
        network: { clientFor: (host) => clients.for(host) },
      }),
      parseReference(`${host}/a:1`),
    );
  await assertRejects(
    () => read(repository(false).blob(descriptor)),
    RegistryError,
    "its certificate is not",
  );
  assertEquals(seen, []);
  const open = repository(true);
  assertEquals(await read(open.blob(descriptor)), bytes);
  const { response } = await open.connection.request("/v2/", {
    method: "PUT",
    body: () => "hello",
    action: "Cannot put",
    scopes: [],
    accepts: [200],
  });
  await response.body?.cancel();
  assertEquals(await open.digestOf("1"), null);
  assertEquals(seen, ["GET ", "PUT hello", "HEAD "]);
});

/**
 * The packages that only a client of the Container Runtime Interface needs.
 * deno.json excludes this file, and it has a lock file of its own: a package
 * that deno.lock knows is downloaded by the first `deno task start`.
 */

export { Client, credentials } from "npm:@grpc/grpc-js@1.14.7";
export { loadSync } from "npm:@grpc/proto-loader@0.8.0";

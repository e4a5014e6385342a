/**
 * checkpoint and restore where criu works: the tests of
 * tests/checkpoint_test.ts, with a kernel that it knows.
 *
 * @module
 */

if (Deno.env.has("CONTAINER_VM")) await import("../checkpoint_test.ts");

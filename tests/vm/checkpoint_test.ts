/**
 * checkpoint and restore where criu works: the tests of
 * tests/oci/checkpoint_test.ts, with a kernel that it knows.
 *
 * @module
 */

if (Deno.env.has("CONTAINER_VM")) await import("../oci/checkpoint_test.ts");

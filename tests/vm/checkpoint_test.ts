/**
 * checkpoint and restore with a working criu: the tests of
 * tests/oci/checkpoint_test.ts, on a kernel that criu supports.
 *
 * @module
 */

if (Deno.env.has("CONTAINER_VM")) await import("../oci/checkpoint_test.ts");

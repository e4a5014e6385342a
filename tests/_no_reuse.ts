/**
 * Without this, a test that runs the same command line twice would test the
 * first run's plan. The tests of reused plans (tests/reuse) allow them.
 */
Deno.env.set("CONTAINER_REUSE", "0");

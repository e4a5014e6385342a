// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { userNamespaceHint } from "./hints.ts";

const FREE = {
  present: true,
  unprivilegedClone: null,
  apparmorRestricts: null,
  maximum: 9,
};

Deno.test("userNamespaceHint() gives no hint if nothing forbids user namespaces", () => {
  assertEquals(userNamespaceHint(FREE), null);
  assertEquals(
    userNamespaceHint({ ...FREE, unprivilegedClone: 1, apparmorRestricts: 0 }),
    null,
  );
});

Deno.test("userNamespaceHint() names the setting, its effect and the fix", () => {
  assertEquals(
    userNamespaceHint({ ...FREE, unprivilegedClone: 0 }),
    "User namespaces are forbidden here (kernel.unprivileged_userns_clone=0): only root can create user namespaces. Fix: sudo sysctl -w kernel.unprivileged_userns_clone=1. See container doctor.",
  );
});

Deno.test("userNamespaceHint() covers each setting", () => {
  const of = (changes: Partial<typeof FREE>) =>
    userNamespaceHint({ ...FREE, ...changes })?.match(/\(([^)]+)\)/)?.[1];
  assertEquals(of({ present: false }), "not in this kernel");
  assertEquals(of({ maximum: 0 }), "user.max_user_namespaces=0");
  assertEquals(
    userNamespaceHint({ ...FREE, apparmorRestricts: 1 } as never)?.includes(
      "kernel.apparmor_restrict_unprivileged_userns=1",
    ),
    true,
  );
});

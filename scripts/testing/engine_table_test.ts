// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { engineTable } from "./engine_table.ts";

const REPORT = `<testsuites>
<testcase name="docker on runc" time="1"></testcase>
<testcase name="docker on runc &gt; run" time="1">
</testcase>
<testcase name="docker on ours &gt; run" time="1"><failure message="x"><![CDATA[<testcase name="no on ours &gt; one">]]></failure></testcase>
<testcase name="rootless podman on ours &gt; pods, &quot;kube&quot;" time="1"><skipped/></testcase>
</testsuites>`;

Deno.test("engineTable() has a row for each scenario and a column for each runtime", () => {
  assertEquals(
    engineTable(REPORT),
    `scenario                       runc     ours
docker: run                    ok       FAILED
rootless podman: pods, "kube"  -        skipped
`,
  );
});

Deno.test("engineTable() is empty if nothing was tried", () => {
  assertEquals(engineTable("<testsuites></testsuites>"), "");
});

Deno.test("engineTable() takes results that were not run from the record", () => {
  const recorded = {
    version: "runc version 1.1.5",
    outcomes: { 'rootless podman: pods, "kube"': "ok", "gone: x": "ok" },
  };
  assertEquals(
    engineTable(REPORT, recorded),
    `scenario                       runc     ours
docker: run                    ok       FAILED
rootless podman: pods, "kube"  ok       skipped
(runc's column was recorded with runc version 1.1.5)
`,
  );
});

/** What `container doctor` does. */

export { diagnose } from "./diagnosis.ts";
export { readFacts } from "./read_facts.ts";
export { asText } from "./report.ts";

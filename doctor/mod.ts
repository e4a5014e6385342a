/**
 * `container doctor`: reads the facts of this machine, judges them, and formats
 * the report. Runs on the host, in the doctor command.
 */

export { diagnose } from "./diagnosis.ts";
export { readFacts } from "./read_facts.ts";
export { asText } from "./report.ts";

/** The limits of setrlimit(2), by name. */
export { RLIMITS } from "../../spec/names.ts";

/** The names of the limits of setrlimit(2). */
export { RLIMITS } from "../../spec/names.ts";

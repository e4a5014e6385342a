// std on npm has no types. These are the functions for paths and patterns.
export * from "./std_path.d.ts";
export function globToRegExp(
  glob: string,
  options?: {
    extended?: boolean;
    globstar?: boolean;
    caseInsensitive?: boolean;
  },
): RegExp;
export function isGlob(text: string): boolean;

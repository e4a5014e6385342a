// An empty program: measures the start of Deno alone.
export {};

// The empty program: what Deno's own start costs, before anything of ours runs.
export {};

/** Programs that others wrote, and that the tests of images compare with. */

export const PYTHON = "/usr/bin/python3";

/** Whether a program is installed. */
export const has = (program: string): boolean => {
  try {
    return Deno.statSync(
      program.startsWith("/") ? program : `/usr/bin/${program}`,
    ).isFile;
  } catch {
    return false;
  }
};

/** Runs a program; its errors end the test. */
export async function run(
  program: string,
  args: readonly string[],
  options: Omit<Deno.CommandOptions, "args"> = {},
): Promise<Uint8Array> {
  const { stdout, stderr, success } = await new Deno.Command(program, {
    args: [...args],
    stdout: "piped",
    stderr: "piped",
    ...options,
  }).output();
  if (!success) {
    throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
  }
  return stdout;
}

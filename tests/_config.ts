/** The part of a config.json that tests change. */

/** What the tests change of a config.json. */
export interface Config {
  process: { args: string[]; terminal: boolean; cwd: string };
  mounts: {
    destination: string;
    type: string;
    source?: string;
    options?: string[];
  }[];
  hooks?: Record<string, { path: string; args?: string[] }[]>;
  linux: Record<string, unknown>;
}

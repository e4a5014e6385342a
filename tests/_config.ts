/** The part of a config.json that tests change. */

/** The members of a config.json that tests change. */
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

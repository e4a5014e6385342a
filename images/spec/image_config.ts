/**
 * The configuration of an image: what it runs, with which layers, for which
 * platform. Pure.
 */

import { isDigest } from "./digest.ts";
import { MOST_LAYERS, type Platform, withoutUndefined } from "./types.ts";
import { Untrusted } from "./untrusted.ts";

/** A health check, with docker's nanoseconds. */
export interface HealthCheck {
  /** `CMD` and words, `CMD-SHELL` and a line, or `NONE`. */
  Test?: string[];
  /** Between two checks. */
  Interval?: number;
  /** How long a check may take. */
  Timeout?: number;
  /** In this time after the start no failure counts. */
  StartPeriod?: number;
  /** Between two checks in that time. */
  StartInterval?: number;
  /** So many failures in a row make it unhealthy. */
  Retries?: number;
}

/** How a container of the image runs. The names are those of the JSON. */
export interface ContainerConfig {
  User?: string;
  ExposedPorts?: string[];
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: string[];
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  Healthcheck?: HealthCheck;
  Shell?: string[];
  OnBuild?: string[];
}

/** One step of the making of an image. */
export interface HistoryEntry {
  created?: string;
  createdBy?: string;
  author?: string;
  comment?: string;
  /** The step made no layer. */
  isEmpty: boolean;
}

/** The configuration of an image. */
export interface ImageConfig {
  platform: Platform;
  created?: string;
  author?: string;
  config: ContainerConfig;
  /** The digests of the uncompressed layers, the lowest first. */
  diffIds: string[];
  history: HistoryEntry[];
}

/** The most steps of a history. */
const MOST_STEPS = 10_000;

/**
 * Parses the configuration of an image.
 *
 * @param name the image, for messages
 * @throws {ContainerError}
 */
export function parseImageConfig(name: string, bytes: Uint8Array): ImageConfig {
  const value = Untrusted.parse(`the configuration of ${name}`, bytes);
  const rootfs = value.at("rootfs").object();
  rootfs.at("type").matching((type) => type === "layers", '"layers"');
  const variant = value.at("variant").optional((at) => at.word());
  return {
    platform: {
      os: value.at("os").word(),
      architecture: value.at("architecture").word(),
      ...variant ? { variant } : {},
    },
    ...withoutUndefined({
      created: value.at("created").optional((at) => at.word()),
      author: value.at("author").optional((at) => at.text()),
    }),
    config: value.at("config").optional(readContainerConfig) ?? {},
    diffIds: (rootfs.at("diff_ids").optional((at) => at.items(MOST_LAYERS)) ??
      []).map((item) => item.matching(isDigest, "a digest")),
    history: (value.at("history").optional((at) => at.items(MOST_STEPS)) ?? [])
      .map(readHistory),
  };
}

function readContainerConfig(value: Untrusted): ContainerConfig {
  value.object();
  const optional = <T>(name: string, read: (at: Untrusted) => T) =>
    value.at(name).optional(read);
  return withoutUndefined({
    User: optional("User", (at) => at.word()),
    ExposedPorts: optional("ExposedPorts", (at) => at.keys()),
    Env: optional("Env", (at) => at.words()),
    Entrypoint: optional("Entrypoint", readCommand),
    Cmd: optional("Cmd", readCommand),
    Volumes: optional("Volumes", (at) => at.keys()),
    WorkingDir: optional("WorkingDir", (at) => at.word()),
    Labels: optional("Labels", (at) => at.texts()),
    StopSignal: optional("StopSignal", (at) => at.word()),
    Healthcheck: optional("Healthcheck", readHealthCheck),
    Shell: optional("Shell", (at) => at.words()),
    OnBuild: optional("OnBuild", (at) => at.words()),
  });
}

/** A command; very old images have it as one text. */
const readCommand = (value: Untrusted): string[] =>
  typeof value.value === "string" ? [value.word()] : value.words();

function readHealthCheck(value: Untrusted): HealthCheck {
  value.object();
  const number = (name: string) =>
    value.at(name).optional((at) => at.integer());
  return withoutUndefined({
    Test: value.at("Test").optional((at) => at.words()),
    Interval: number("Interval"),
    Timeout: number("Timeout"),
    StartPeriod: number("StartPeriod"),
    StartInterval: number("StartInterval"),
    Retries: number("Retries"),
  });
}

function readHistory(value: Untrusted): HistoryEntry {
  value.object();
  const text = (name: string) => value.at(name).optional((at) => at.text());
  return {
    ...withoutUndefined({
      created: text("created"),
      createdBy: text("created_by"),
      author: text("author"),
      comment: text("comment"),
    }),
    isEmpty: value.at("empty_layer").optional((at) => at.flag()) ?? false,
  };
}

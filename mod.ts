/**
 * Linux containers from Deno.
 *
 * ```ts
 * import { run } from "./mod.ts";
 *
 * await using container = await run({
 *   rootfs: "./fs",
 *   command: ["echo", "hello"],
 *   stdout: "piped",
 * });
 * console.log(await new Response(container.stdout).text());
 * console.log((await container.status).code);
 * ```
 *
 * Needs Linux 5.12 with the GNU C library, and `--allow-all`: Deno's
 * permissions cannot restrict FFI.
 *
 * @module
 */

export { type Errno, SyscallError } from "./ffi/errno.ts";
export type { SignalName } from "./ffi/signal.ts";
export { StepError } from "./launch/step_error.ts";
export type { LibraryOptions } from "./containers/run/library_options.ts";
export type {
  ContainerOptions,
  NamespaceMode,
  SharedNetwork,
} from "./containers/decide/options.ts";
export type {
  ImageRoot,
  StoreIds,
} from "./containers/decide/images/unpacked_image.ts";
export type { LayeredFile } from "./images/layers/layered_file.ts";
export type { HealthCheck } from "./images/spec/image_config.ts";
export type { Stdio } from "./containers/decide/streams.ts";
export { plan } from "./containers/run/plan.ts";
export {
  type DeviceStats,
  type ExitStatus,
  run,
  type RunningContainer,
  type Stats,
} from "./containers/run/running.ts";
export { pull } from "./containers/run/library_pull.ts";
export {
  type Image,
  images,
  type PullOptions,
  type StoreOptions,
} from "./images/library.ts";
export type { LayerState, Progress } from "./images/progress.ts";
export { Sandbox } from "./sandbox/sandbox.ts";
export type {
  SandboxOptions,
  Signal,
  SpawnOptions,
  SpawnStdio,
} from "./sandbox/options.ts";
export type { Memory, Timeout } from "./sandbox/amounts.ts";
export type { SandboxEnv } from "./sandbox/env.ts";
export { SandboxFs } from "./sandbox/files/fs.ts";
export { FsFile, SeekMode } from "./sandbox/files/fs_file.ts";
export type { DirEntry, FileInfo } from "./sandbox/files/file_info.ts";
export type { WalkEntry } from "./sandbox/files/walk.ts";
export type {
  ExpandGlobOptions,
  MakeTempOptions,
  MkdirOptions,
  OpenOptions,
  ReadFileOptions,
  RemoveOptions,
  WalkOptions,
  WriteFileOptions,
} from "./sandbox/files/file_options.ts";
export { ChildProcess } from "./sandbox/child_process.ts";
export type {
  ChildProcessOutput,
  ChildProcessStatus,
  ShellPipeKind,
} from "./sandbox/command/output.ts";
export {
  SandboxCommandBuilder,
  SandboxCommandChild,
  type SandboxCommandResult,
} from "./sandbox/command/builder.ts";
export {
  KillController,
  KillSignal,
  type KillSignalListener,
} from "./sandbox/command/kill_signal.ts";
export {
  ConnectionClosedError,
  InvalidMemoryError,
  InvalidTimeoutError,
  SandboxCommandError,
} from "./sandbox/errors.ts";
export type {
  FurtherKinds as FurtherStepKinds,
  SandboxKinds as SandboxStepKinds,
} from "./plan/sandbox_kinds.ts";
export type { TerminalSettings } from "./plan/process/terminal_settings.ts";
export type { LandlockRules } from "./plan/process/landlock.ts";
export type { FileRight, PortRight, Scope } from "./plan/landlock_rights.ts";
export type {
  HostFields as HostStepFields,
  HostKind as HostStepKind,
  HostKinds as HostStepKinds,
  Manager,
  Property,
  Variant,
  VolumeContent,
} from "./plan/host_kinds.ts";
export type {
  HostsChange,
  NetworkMember,
  NetworkRecord,
  Subnet,
  WayOut,
} from "./plan/network.ts";
export type { WayOutChoice } from "./containers/decide/networks/way_out.ts";
export type { AskedPort, PortOptions, PortProtocol } from "./plan/ports.ts";
export type { OwnerMaps, Undo, Undoable, UndoOperation } from "./plan/undo.ts";
export type {
  NetworkPlace,
  NetworkPlaces,
} from "./containers/decide/networks/join_networks.ts";
export type {
  HostStep,
  KernelAnchor,
  KernelType,
  Kinds as StepKinds,
  LimitValue,
  MountAttribute,
  MountFlag,
  Nothing,
  Phase,
  Plan,
  Propagation,
  Step,
  StepKind,
  StepOf,
} from "./plan/step.ts";
export {
  CommandError,
  ContainerError,
  OptionError,
  SpecError,
  UsageError,
} from "./spec/errors.ts";
export type {
  BlockIOResources,
  CpuResources,
  DeviceNumber,
  DeviceRule,
  HugepageLimit,
  MemoryResources,
  NetworkResources,
  RdmaLimit,
  Resources,
  ThrottleDevice,
  ThrottleKind,
  WeightDevice,
} from "./spec/resources.ts";
export type { MemoryPolicy } from "./spec/types_linux.ts";
export type {
  IOPriority,
  Scheduler,
  SchedulerFlag,
} from "./spec/types_process.ts";
export type {
  Device,
  IdMapping,
  Mount,
  NamespaceType,
  Rlimit,
  TimeOffset,
} from "./spec/types.ts";

/** Everything that mod.ts exports, types included. */
export const PUBLIC = [
  ...["run", "plan", "LibraryOptions", "ContainerOptions", "RunningContainer"],
  ...["ExitStatus", "Stats", "DeviceStats", "Stdio", "SignalName", "Errno"],
  // errors
  ...["ContainerError", "UsageError", "OptionError", "SpecError"],
  ...["CommandError", "StepError", "SyscallError"],
  // options
  ...["Mount", "Device", "IdMapping", "NamespaceMode", "NamespaceType"],
  ...["Rlimit", "TimeOffset", "LandlockRules", "Resources"],
  ...["MemoryResources", "CpuResources", "BlockIOResources", "RdmaLimit"],
  ...["HugepageLimit", "NetworkResources", "DeviceRule", "DeviceNumber"],
  ...["ThrottleDevice", "ThrottleKind", "WeightDevice"],
  // the plan
  ...["Plan", "Phase", "Step", "StepKind", "StepKinds", "StepOf", "Nothing"],
  ...["HostStep", "HostStepKind", "HostStepKinds", "HostStepFields"],
  ...["Undo", "Undoable", "UndoOperation", "Manager", "Property", "Variant"],
  ...["OwnerMaps", "VolumeContent"],
  ...[
    "AskedPort",
    "PortOptions",
    "PortProtocol",
    "NetworkMember",
    "NetworkPlace",
    "NetworkPlaces",
    "NetworkRecord",
    "Subnet",
  ],
  ...["FileRight", "PortRight", "Scope", "KernelAnchor", "KernelType"],
  ...["LimitValue", "MountAttribute", "MountFlag", "Propagation"],
  ...["MemoryPolicy", "IOPriority", "Scheduler", "SchedulerFlag"],
  ...["TerminalSettings"],
  ...["pull", "images", "Image", "PullOptions", "StoreOptions"],
  ...["LayerState", "Progress", "ImageRoot", "LayeredFile"],
  ...["HealthCheck", "StoreIds"],
  // steps of networks and sandboxes
  ...["FurtherStepKinds", "HostsChange", "SandboxStepKinds", "SharedNetwork"],
  ...["WayOut", "WayOutChoice"],
  // sandboxes
  ...[
    "ChildProcess",
    "ChildProcessOutput",
    "ChildProcessStatus",
    "ConnectionClosedError",
  ],
  ...["DirEntry", "ExpandGlobOptions", "FileInfo", "FsFile"],
  ...[
    "InvalidMemoryError",
    "InvalidTimeoutError",
    "KillController",
    "KillSignal",
  ],
  ...["KillSignalListener", "MakeTempOptions", "Memory", "MkdirOptions"],
  ...["OpenOptions", "ReadFileOptions", "RemoveOptions", "Sandbox"],
  ...[
    "SandboxCommandBuilder",
    "SandboxCommandChild",
    "SandboxCommandError",
    "SandboxCommandResult",
  ],
  ...["SandboxEnv", "SandboxFs", "SandboxOptions", "SeekMode"],
  ...["ShellPipeKind", "Signal", "SpawnOptions", "SpawnStdio"],
  ...["Timeout", "WalkEntry", "WalkOptions", "WriteFileOptions"],
];

/** What a pull or a push tells while it runs. Plain data. */

/** How far a layer is. */
export type LayerState =
  | "waiting"
  | "here"
  | "moving"
  | "done";

/** One message of a pull or a push. */
export type Progress =
  | { kind: "begin"; name: string; layers: { digest: string; size: number }[] }
  | { kind: "layer"; digest: string; state: LayerState; bytes: number }
  | { kind: "wait"; milliseconds: number; why: string }
  | { kind: "warning"; text: string };

/** Is told each message. */
export type OnProgress = (progress: Progress) => void;

/** A layer that is not as usual. */

/** A layer, and what becomes of it. */
export interface OddLayer {
  title: string;
  layer: Uint8Array<ArrayBuffer>;
  /** The layer below it. */
  below?: Uint8Array<ArrayBuffer>;
  /** The lines of the tree, see _tree.ts. */
  tree?: string[];
  /** The root is hidden, too. */
  hidesAll?: true;
  /** A part of the error's text. */
  refused?: string;
  /** Less than the usual limit. */
  maxUnpacked?: number;
}

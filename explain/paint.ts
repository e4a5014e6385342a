/** Colours and columns of printed plans. Pure. */

/** How to format. */
export interface Drawing {
  colour: boolean;
  /** The column to wrap at. */
  width: number;
}

/** The codes of ANSI colours. */
export const COLOUR = {
  bold: 1,
  faint: 2,
  red: 31,
  green: 32,
  heading: 36,
} as const;

/** Fewer columns than these are not used. */
export const LEAST_WIDTH = 40;

/** Gives a text a colour, if colours are wanted. */
export const painter =
  (colour: boolean) =>
  (code: typeof COLOUR[keyof typeof COLOUR], text: string): string =>
    colour && text ? `\x1b[${code}m${text}\x1b[0m` : text;

/** The value of `--store`: apart from the other flags, which load more. */

/** The directory that `--store` names, for images. */
export const storeFlag: { directory?: string } = {};

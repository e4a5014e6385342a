/**
 * Unpacks an archive as the process that this is started in: in a user
 * namespace, for example. Arguments: the archive, the directory, further options
 * as JSON. Prints what unpackLayer() returns, or the error.
 */

import { unpackLayer } from "../../images/layers/unpack_layer.ts";

const [archive, into, options] = Deno.args;
using file = await Deno.open(archive!);

async function unpack() {
  try {
    return await unpackLayer(file.readable, {
      into: into!,
      maxUnpacked: 2 ** 30,
      ...JSON.parse(options!),
    });
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    return { error: `${message}. ${hint}` };
  }
}

Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(await unpack())));

/**
 * Carries out the steps that mount an image's layers, and then a command.
 * Arguments: what mountLayers() takes as JSON, the place, the command.
 */

import { compileSteps } from "../../launch/program.ts";
import { perform } from "../../launch/perform.ts";
import { mountLayers } from "../../plan/mounts/image_layers.ts";

const [image, target, program, ...args] = Deno.args;
const steps = mountLayers(JSON.parse(image!), target!);
perform(compileSteps(steps, { movable: true }), () => steps);
const { code } = await new Deno.Command(program!, {
  args,
  stdout: "inherit",
  stderr: "inherit",
}).output();
Deno.exit(code);

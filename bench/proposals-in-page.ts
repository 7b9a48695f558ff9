/** The part of the propose bench that runs in Chromium. */
import { webRuntime } from "../src/engine/runtime-web.ts";
import { type ProposeArgs, type ProposeTimes, timeProposals } from "./proposals.ts";

export default function main(args: ProposeArgs): Promise<ProposeTimes> {
  return timeProposals(args, webRuntime({ threads: args.threads }));
}

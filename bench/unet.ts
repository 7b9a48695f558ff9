/** A plain U-Net (Ronneberger et al. 2015), the second model that the engine is proved and measured with. */
import {
  concat,
  type DescribeLoss,
  type Graph,
  groupNorm,
  maxPool2,
  mean,
  relu,
  sigmoid,
  upsampleNearest,
  type Var,
} from "../src/engine/index.ts";
import { conv } from "../src/model/layers.ts";
import { diceLoss } from "../src/model/loss.ts";

export interface UnetOptions {
  /** N */
  readonly count: number;
  /** Height and width, divisible by 2 at every level but the last. */
  readonly size: number;
  /** Channels at each level, finest first. */
  readonly widths: readonly number[];
  /** Groups of the normalisation after each convolution; 0 for none. */
  readonly groups: number;
}

/** 1.21 million parameters, 4.7 GFLOP forward a sample. */
export const UNET: UnetOptions = { count: 8, size: 128, widths: [32, 64, 128, 128], groups: 0 };

/** Inputs image and target, [N, 1, H, W]; the loss is one minus soft Dice. */
export function describeUnetLoss(options: UnetOptions): DescribeLoss {
  return (graph) => {
    const { segmentation } = describeUnet(options)(graph);
    const target = graph.input("target", segmentation.shape);
    return { loss: mean(diceLoss(target, segmentation, graph.scalar(1)), [0]), terms: {} };
  };
}

/** Input image [N, 1, H, W]; output segmentation, probabilities [N, 1, H, W]. */
export function describeUnet({ count, size, widths, groups }: UnetOptions) {
  return (graph: Graph) => {
    let h: Var = graph.input("image", [count, 1, size, size]);
    const skips: Var[] = [];
    for (const [level, channels] of widths.entries()) {
      if (level > 0) h = maxPool2(h);
      h = twoConvs(graph, `down${level}`, h, channels, groups); // [N, channels, H / 2^level, W / 2^level]
      skips.push(h);
    }
    for (let level = widths.length - 2; level >= 0; level--) {
      h = concat([upsampleNearest(h, 2), skips[level]], 1);
      h = twoConvs(graph, `up${level}`, h, widths[level], groups);
    }
    return { segmentation: sigmoid(conv(graph, "head", h, 1, 1)) };
  };
}

function twoConvs(graph: Graph, name: string, x: Var, channels: number, groups: number): Var {
  let h = x;
  for (const i of [1, 2]) {
    h = conv(graph, `${name}.conv${i}`, h, channels);
    if (groups > 0) h = normalise(graph, `${name}.norm${i}`, h, groups);
    h = relu(h);
  }
  return h;
}

function normalise(graph: Graph, name: string, x: Var, groups: number): Var {
  const channels = [x.shape[1]];
  const gain = graph.parameter(`${name}.weight`, channels, { kind: "constant", value: 1 });
  const bias = graph.parameter(`${name}.bias`, channels, { kind: "constant", value: 0 });
  return groupNorm(x, gain, bias, groups);
}

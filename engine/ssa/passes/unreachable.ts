/**
 * Removes the blocks that can't be reached from the entry, so that analyses and later passes needn't think of
 * them. Enters: any function. Leaves: every block that isn't removed is reachable.
 */
import { reversePostorder } from "../analysis/block-order.js";
import type { Block, SsaFunction } from "../function.js";

export function removeUnreachable(func: SsaFunction): void {
  const { position } = reversePostorder(func);
  for (let b = 0; b < func.blockCount; b++) {
    if (position[b] === -1 && !(func.isRemoved(b as Block) && func.params[b]!.length === 0))
      func.removeBlock(b as Block);
  }
}

/** The toy runtime with stubs for Windows, on a host that pretends to be it. */
import { amd64Windows } from "../../isa/amd64/index.js";
import { Context } from "../../runtime/layout.js";
import { MicrosoftHost } from "./microsoft-host.js";
import { NativeBench } from "./native-bench.js";

export class MicrosoftBench extends NativeBench {
  private readonly host = new MicrosoftHost(this.platform, (bytes) => this.add(bytes));

  constructor() {
    super(amd64Windows);
    for (const pointer of [Context.memmove, Context.memset])
      this.set(pointer, this.host.libraryFunction(this.get(pointer)));
  }

  override callable(routine: number): () => void {
    return this.host.routine(routine);
  }
}

/**
 * What this application offers to its plugins: the import module `site`. After a change,
 *
 *   npx backplane bindings dist/site.js --out plugins/lib/bindings.ts
 *
 * writes what the plugins in AssemblyScript see of it.
 */
import { fn, hostFunction, hostModule } from "backplane";

/** The pages that there are, in what might be a database. */
export class Pages {
  private readonly addresses = new Map([["Plugins", "/docs/plugins"]]);

  async find(title: string): Promise<string | null> {
    await new Promise(setImmediate);
    return this.addresses.get(title) ?? null;
  }
}

/** The headings of the page that is being made. */
export class Outline {
  private readonly lines: string[] = [];

  add(level: number, text: string): void {
    this.lines.push(`${"  ".repeat(level - 1)}${text}`);
  }

  /** The lines so far, which are then forgotten. */
  take(): string[] {
    return this.lines.splice(0);
  }
}

@hostModule("site", { inject: [Outline, Pages] })
export class SiteHost {
  constructor(
    private readonly outline: Outline,
    private readonly pages: Pages,
  ) {}

  /** A plugin met a heading. */
  @hostFunction(fn(["i32", "string"]))
  heading(level: number, text: string): void {
    this.outline.add(level, text);
  }

  /** The address of a page by its title. The plugin waits for it, the application doesn't. */
  @hostFunction(fn(["string"], "string?"))
  async address(title: string): Promise<string | null> {
    return this.pages.find(title);
  }
}

/** What this application offers to its plugins: the import module `site`. */
import { fn, hostFunction, hostModule } from "backplane";

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

@hostModule("site", { inject: [Outline] })
export class SiteHost {
  constructor(private readonly outline: Outline) {}

  /** A plugin met a heading. */
  @hostFunction(fn(["i32", "string"]))
  heading(level: number, text: string): void {
    this.outline.add(level, text);
  }
}

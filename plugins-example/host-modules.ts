/** What this application offers to its plugins. */
import { fn, hostFunction, hostModule } from "../sdk/index.js";

/** Where lines go that plugins print; the application decides. */
export class Console {
  readonly lines: string[] = [];
  print(line: string): void {
    this.lines.push(line);
    console.log(`  plugin says: ${line}`);
  }
}

@hostModule("app", { inject: [Console] })
export class AppHost {
  constructor(private readonly console: Console) {}

  /** Prints a line of text from the plugin's memory. */
  @hostFunction(fn(["string"]))
  log(line: string): void {
    this.console.print(line);
  }

  /** A price in cents after the discount that today's date gives, in percent. */
  @hostFunction(fn(["i32"], "i32"))
  discount(weekday: number): number {
    return weekday === 1 ? 20 : 5;
  }
}

/** Output of a guest as lines of its plugin's log: chunks of bytes enter, lines leave. */
import { StringDecoder } from "node:string_decoder";

/** UTF-16 units; a longer line is several. */
const longestLine = 4096;

export class LineLog {
  private readonly decoder = new StringDecoder("utf8");
  private rest = "";

  constructor(private readonly write: (line: string) => void) {}

  take(chunk: Uint8Array): void {
    this.rest += this.decoder.write(chunk as Buffer);
    const lines = this.rest.split("\n");
    this.rest = lines.pop() as string;
    for (const line of lines) this.write(line.replace(/\r$/, ""));
    for (; this.rest.length > longestLine; this.rest = this.rest.slice(longestLine)) {
      this.write(this.rest.slice(0, longestLine));
    }
  }

  /** Writes what is left of a line without an end. */
  close(): void {
    this.rest += this.decoder.end();
    if (this.rest !== "") this.write(this.rest);
    this.rest = "";
  }
}

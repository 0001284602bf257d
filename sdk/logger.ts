/** The logger that an application may hand in: pino's shape, fields first. */
export type LogMethod = (fields: object, message: string) => void;

/** A logger in pino's shape: fields first, then the message. */
export interface Logger {
  debug: LogMethod;
  info: LogMethod;
  warn: LogMethod;
  error: LogMethod;
}

const silent: LogMethod = () => {};

/** Used without a logger of the application's: warnings and errors to standard error, nothing else. */
export const defaultLogger: Logger = {
  debug: silent,
  info: silent,
  warn: (fields, message) => console.error(`backplane: ${message}`, fields),
  error: (fields, message) => console.error(`backplane: ${message}`, fields),
};

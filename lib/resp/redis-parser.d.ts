declare module 'redis-parser' {
  interface Options {
    returnReply(reply: unknown): void
    returnError(error: Error): void
    returnFatalError?(error: Error): void
    returnBuffers?: boolean
    stringNumbers?: boolean
  }

  // The package has no types of its own, and its only export is the default one.
  // biome-ignore lint/style/noDefaultExport: see above
  export default class Parser {
    constructor(options: Options)
    execute(chunk: Buffer): void
  }
}

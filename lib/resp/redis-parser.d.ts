declare module 'redis-parser' {
  interface Options {
    returnReply(reply: unknown): void
    returnError(error: Error): void
    returnFatalError?(error: Error): void
    returnBuffers?: boolean
    stringNumbers?: boolean
  }

  class Parser {
    constructor(options: Options)
    execute(chunk: Buffer): void
  }

  export = Parser
}

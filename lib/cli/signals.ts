import type { Program } from './program.ts'

/**
 * What the process does when it is sent a signal. What has to do with those who serve waits until the program has `started`; before that, it ends at once when it
 * is told to.
 */
export function handleSignals(program: Program, started: Promise<void>): void {
  const { log } = program
  let serves = false
  started.then(
    () => {
      serves = true
    },
    () => {}
  )
  const attempt = async (what: string, run: () => unknown): Promise<void> => {
    try {
      await started
      await run()
    } catch (error) {
      log.write('error', `${what}: ${(error as Error).message}`)
    }
  }
  process.on('SIGTERM', () => void program.end(!serves))
  process.on('SIGINT', () => {
    if (program.ending) process.exit(130)
    void program.end(!serves)
  })
  process.on('SIGHUP', () => {
    void attempt('the configuration stays as it was', () => program.reload())
  })
  process.on('SIGUSR1', () => {
    void attempt('the log file stays open', () => program.reopenLog())
  })
  process.on('SIGUSR2', () => {
    void attempt('the threads stay as they were', () => program.restart())
  })
}

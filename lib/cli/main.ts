#!/usr/bin/env -S node --min-semi-space-size=16 --max-inlined-bytecode-size=1000 --max-inlined-bytecode-size-cumulative=4000
import { ProxyError, version } from '../index.ts'
import { type Arguments, readArguments } from './arguments.ts'
import { isThread, serveAsThread } from './child.ts'
import type { Configuration } from './configuration.ts'
import { isDaemon, reportToParent, startInBackground } from './daemon.ts'
import { helpText, shortHelpText } from './help.ts'
import { logCrashes } from './log.ts'
import { printedArguments, printedConfiguration } from './printed.ts'
import { Program } from './program.ts'
import { handleSignals } from './signals.ts'
import { canBeReadOnce, configurationFile, readConfiguration } from './sources.ts'

const daemon = isDaemon()

function print(text: string): void {
  process.stdout.write(text)
}

async function main(): Promise<void> {
  const words = process.argv.slice(2)
  const shown = printedArguments(words)
  // Only where it has to: the name of its file is how many find a process of Node.
  if (shown !== undefined) process.title = `redis-cluster-proxy ${shown}`
  const given = readArguments(words)
  if (given.action === 'help') return print(helpText())
  if (given.action === 'short-help') return print(shortHelpText())
  if (given.action === 'version') return print(`redis-cluster-proxy ${version}\n`)
  const file = configurationFile(given.file, process.env)
  const said: Arguments = { ...given, file }
  if (given.action === 'serve') return serve(said)
  const configuration = readConfiguration(said, process.env)
  Program.check(configuration, said.file)
  if (given.action === 'print-config') print(printedConfiguration(configuration))
  else print(`the configuration is right${file === '' ? '' : `: ${file}`}\n`)
}

async function serve(said: Arguments): Promise<void> {
  const read = (): Configuration => readConfiguration(said, process.env)
  const once = canBeReadOnce(said.file)
  const fixed = once ? read() : undefined
  const program = new Program(() => fixed ?? read(), said.file, daemon)
  if (program.daemonize && !daemon) {
    if (once) {
      throw new ProxyError(
        'INVALID_OPTION',
        `daemonize: with '-c ${said.file}' nothing is left to read in the background; expected the path of a file`
      )
    }
    return startInBackground()
  }
  logCrashes(program.log)
  // Not a moment without handlers: a signal would have its default action.
  const started = Promise.resolve().then(() => program.start())
  handleSignals(program, started)
  await started
  if (daemon) await reportToParent()
  else if (process.stdout.isTTY) print(program.hints())
}

try {
  if (isThread()) serveAsThread()
  else await main()
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  if (daemon) await reportToParent(message, error instanceof ProxyError)
  process.stderr.write(`redis-cluster-proxy: ${message}\n`)
  process.exitCode = error instanceof ProxyError && error.code === 'INVALID_OPTION' ? 2 : 1
}

/** What `PROXY HELP` tells; the first ten subcommands in the order of the official proxy. */
export const PROXY_HELP: readonly string[] = [
  'PROXY <subcommand> arg arg ... arg',
  'INFO [section] -- Information about the proxy. Sections: proxy, memory, clients, cluster.',
  'CONFIG GET <option|pattern> -- Values of options.',
  'CONFIG SET <option> <value> -- Changes an option while the proxy runs.',
  'MULTIPLEXING STATUS|OFF -- Whether the client shares its connections to the nodes; OFF is for good.',
  'COMMAND [UNSUPPORTED|CROSSSLOTS-UNSUPPORTED] -- Commands, each with name, arity, first key, last key, key step, supported.',
  'CLIENT <subcommand> -- About this connection. Try PROXY CLIENT HELP.',
  'CLUSTER [subcommand] -- About the cluster. Try PROXY CLUSTER HELP.',
  'DEBUG SEGFAULT|ASSERT|KILL <MAIN|SELF|thread-id> [TERM|INT|KILL|number] -- Ends the proxy on purpose; needs enable-debug-command.',
  'SHUTDOWN [ASAP] -- Ends the proxy after all is answered, or at once.',
  'LOG [level] <message> -- Writes to the log of the proxy. Levels: debug, info, success, warning, error; default debug.',
  'RESTART -- New threads, with the code and the configuration as they are now, take over from those that run.',
  'CONFIG RELOAD -- Reads the configuration file again, whole or not at all.',
  'CLIENTS -- All connected clients.',
  'EXPLAIN <command> [arg ...] -- What would be done with a command, without doing it.',
  'TOPOLOGY HISTORY -- The last 100 changes of the cluster, each with its reason.',
  'PING -- Answers PONG.',
  'HELP -- This text.',
]

/** What `PROXY CONFIG HELP` tells. */
export const CONFIG_HELP: readonly string[] = [
  'PROXY CONFIG <subcommand> [arg arg ... arg]',
  'GET <option|pattern> -- Values of options.',
  'SET <option> <value> -- Changes an option while the proxy runs.',
  'RELOAD -- Reads the configuration file again, whole or not at all.',
  'HELP -- This text.',
]

/** What `PROXY CLIENT HELP` tells. */
export const CLIENT_HELP: readonly string[] = [
  'PROXY CLIENT <subcommand> [arg arg ... arg]',
  'ID -- The thread and the id of this client, as <thread>:<id>.',
  'THREAD -- The number of the thread that serves this client.',
]

/** What `PROXY CLUSTER HELP` tells. */
export const CLUSTER_HELP: readonly string[] = [
  'PROXY CLUSTER [subcommand]',
  '-,INFO -- Status, connection and nodes.',
  'STATUS -- Whether the slot table is updated, updating or broken.',
  'CONNECTION -- Whether this client uses shared or private connections to the nodes.',
  'NODES -- The masters: name, ip, port, slots, replicas, connected.',
  'UPDATE -- Asks the cluster for its slots again.',
]

/** What `PROXY MULTIPLEXING HELP` tells. */
export const MULTIPLEXING_HELP: readonly string[] = [
  'PROXY MULTIPLEXING <subcommand>',
  'STATUS -- on while this client shares its connections to the nodes, else off.',
  'OFF -- Gives this client connections of its own, for good.',
]

/** What `PROXY DEBUG HELP` tells. */
export const DEBUG_HELP: readonly string[] = [
  'PROXY DEBUG <subcommand> [arg arg ... arg]',
  'SEGFAULT -- Ends the process by SIGSEGV.',
  'ASSERT -- Ends the process by SIGABRT.',
  'KILL <MAIN|SELF|thread-id> [TERM|INT|KILL|number] -- Sends the process a signal, TERM by default.',
]

/** What `PROXY TOPOLOGY HELP` tells. */
export const TOPOLOGY_HELP: readonly string[] = [
  'PROXY TOPOLOGY <subcommand>',
  'HISTORY -- The last 100 changes of the cluster, the oldest first, each with its reason.',
]

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Catalogue } from '../../lib/command/catalogue.ts'
import type { Treatment } from '../../lib/command/spec.ts'

/** Every command and subcommand of the built-in table, for the eye of a reviewer. */
const EXPECTED: Record<Treatment, string> = {
  admin: `
      acl acl|deluser acl|dryrun acl|getuser acl|list acl|load acl|log acl|save acl|setuser
      acl|users bgrewriteaof bgsave config|get config|resetstat config|rewrite config|set
      debug latency latency|doctor latency|graph latency|histogram latency|history
      latency|latest latency|reset module|list save slowlog slowlog|get slowlog|len
      slowlog|reset`,
  'one-server': `
      failover module module|load module|loadex module|unload monitor move pfdebug pfselftest
      psync replconf replicaof restore-asking shutdown slaveof swapdb sync`,
  shared: `
      append bitcount bitfield bitfield_ro bitop bitpos copy decr decrby del dump eval
      eval_ro evalsha evalsha_ro exists expire expireat expiretime fcall fcall_ro geoadd
      geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro
      geosearch geosearchstore get getbit getdel getex getrange getset hdel hexists hget
      hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx
      hstrlen hvals incr incrby incrbyfloat lcs lindex linsert llen lmove lmpop lpop lpos
      lpush lpushx lrange lrem lset ltrim memory|usage mget migrate mset msetnx object|encoding
      object|freq object|idletime object|refcount persist pexpire pexpireat pexpiretime
      pfadd pfcount pfmerge psetex pttl rename renamenx restore rpop rpoplpush rpush rpushx
      sadd scard sdiff sdiffstore set setbit setex setnx setrange sinter sintercard
      sinterstore sismember smembers smismember smove sort sort_ro spop spublish srandmember
      srem sscan strlen substr sunion sunionstore touch ttl type unlink xack xadd xautoclaim
      xclaim xdel xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy
      xgroup|setid xinfo|consumers xinfo|groups xinfo|stream xlen xpending xrange xrevrange
      xsetid xtrim zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore
      zlexcount zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore
      zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange
      zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore`,
  connection: `
      acl|whoami asking auth client client|caching client|getname client|getredir client|help client|id
      client|info client|kill client|list client|no-evict client|pause client|reply
      client|setname client|tracking client|trackinginfo client|unblock client|unpause
      cluster cluster|addslots cluster|addslotsrange cluster|bumpepoch
      cluster|count-failure-reports cluster|countkeysinslot cluster|delslots
      cluster|delslotsrange cluster|failover cluster|flushslots cluster|forget
      cluster|getkeysinslot cluster|help cluster|info cluster|keyslot cluster|links
      cluster|meet cluster|myid cluster|nodes cluster|replicas cluster|replicate
      cluster|reset cluster|saveconfig cluster|set-config-epoch cluster|setslot
      cluster|shards cluster|slaves cluster|slots command command|count command|docs
      command|getkeys command|getkeysandflags command|help command|info command|list config
      config|help echo hello info ping
      pubsub pubsub|channels pubsub|numpat pubsub|numsub pubsub|shardchannels pubsub|shardnumsub
      quit readonly readwrite reset role select`,
  blocking: `
      blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin wait`,
  'fan-out': `
      dbsize flushall flushdb function function|delete function|flush function|kill
      function|load function|restore function|stats keys lastsave memory|doctor
      memory|malloc-stats memory|purge memory|stats randomkey scan script script|exists script|flush script|kill script|load`,
  transaction: `
      discard exec multi unwatch watch`,
  'any-node': `
      acl|cat acl|genpass acl|help function|dump function|help function|list latency|help
      lolwut memory|help module|help object|help publish pubsub|help script|help slowlog|help time
      xgroup|help xinfo|help`,
  refused: `
      memory object script|debug xgroup xinfo`,
  pubsub: `
      psubscribe punsubscribe ssubscribe subscribe sunsubscribe
      unsubscribe`,
  'maybe-blocking': `
      xread xreadgroup`,
}

const builtIn = Catalogue.builtIn()
const specs = [...builtIn.all()].flatMap((spec) => [spec, ...(spec.subcommands?.values() ?? [])])

describe('treatmentOf', () => {
  for (const [treatment, names] of Object.entries(EXPECTED)) {
    it(`is '${treatment}' for the commands listed so, and no others`, () => {
      const found = specs.filter((spec) => spec.treatment === treatment).map(({ name }) => name)
      assert.deepEqual(found.sort(), names.trim().split(/\s+/))
    })
  }

  it('is listed for each command just once', () => {
    const listed = Object.values(EXPECTED).flatMap((names) => names.trim().split(/\s+/))
    assert.deepEqual(listed.sort(), specs.map(({ name }) => name).sort())
  })

  it('never shares a connection with what may stay in it', () => {
    const harmless =
      'eval eval_ro evalsha evalsha_ro fcall fcall_ro acl|cat acl|genpass function|dump function|list'
    for (const spec of specs) {
      if (spec.treatment !== 'shared' && spec.treatment !== 'any-node') continue
      assert.ok(!spec.blocking && !spec.admin && !spec.container, spec.name)
      assert.ok(!spec.noscript || harmless.split(' ').includes(spec.name), spec.name)
      assert.ok(!spec.pubsub || spec.name.endsWith('publish'), spec.name)
    }
  })

  const keys = [1, 1, 1]
  const none = [0, 0, 0]
  const judged: [string, string[], number[], string[], Treatment][] = [
    ['json.get', ['readonly'], keys, [], 'shared'],
    ['newset', ['write', 'denyoom'], keys, [], 'shared'],
    ['newpop', ['write', 'blocking'], keys, [], 'blocking'],
    ['oldpop', ['write'], keys, ['@blocking'], 'blocking'],
    ['waitaof', ['noscript'], none, [], 'blocking'],
    ['newsub', ['pubsub'], keys, [], 'pubsub'],
    ['newdebug', ['admin', 'write'], keys, [], 'one-server'],
    ['newrestore', ['write', 'asking'], keys, [], 'one-server'],
    ['newsync', ['no_multi'], none, [], 'one-server'],
    ['newstate', ['write', 'noscript'], keys, [], 'refused'],
    ['neither', ['fast'], keys, [], 'refused'],
    ['newquery', ['readonly'], none, [], 'refused'],
    ['himport', ['write'], keys, [], 'refused'],
  ]
  for (const [name, flags, range, categories, treatment] of judged) {
    it(`is '${treatment}' for a new command ${name} with ${flags} and keys at ${range}`, () => {
      const row = [name, -2, flags, ...range, categories, [], [], []]
      assert.equal(builtIn.overlaid([row]).get(name)!.treatment, treatment)
    })
  }

  it('fans out a new command without keys if it says that it concerns every node', () => {
    const row = (policy: string) => ['new', 1, [], 0, 0, 0, [], [policy], [], []]
    const treatment = (policy: string) => builtIn.overlaid([row(policy)]).get('new')!.treatment
    assert.equal(treatment('request_policy:all_shards'), 'fan-out')
    assert.equal(treatment('request_policy:all_nodes'), 'fan-out')
    assert.equal(treatment('request_policy:special'), 'refused')
  })

  it('is for administrators if a new command without keys is, and says that it concerns every node', () => {
    const row = (policy: string) => ['new', 1, ['admin'], 0, 0, 0, [], [policy], [], []]
    const treatment = (policy: string) => builtIn.overlaid([row(policy)]).get('new')!.treatment
    assert.equal(treatment('request_policy:all_nodes'), 'admin')
    assert.equal(treatment(''), 'one-server')
  })

  it('refuses every subcommand of HIMPORT, which prepares fields in its connection', () => {
    const sub = ['himport|set', -4, ['write'], 2, 2, 1, [], [], [], []]
    const row = ['himport', -2, [], 0, 0, 0, [], [], [], [sub]]
    const overlaid = builtIn.overlaid([row])
    assert.equal(overlaid.get('himport')!.treatment, 'refused')
    assert.equal(overlaid.get('himport|set')!.treatment, 'refused')
  })
})

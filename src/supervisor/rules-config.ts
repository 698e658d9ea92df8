import type { Config } from '../config/schema.ts'
import { RULES_DEFAULTS, type RulesConfig } from '../os/rules.ts'

/** The kernel rules that this configuration asks for. */
export function rulesConfig(config: Config): RulesConfig {
  return {
    ...RULES_DEFAULTS,
    interface: config.intercept.interface,
    ports: config.intercept.ports,
    tproxyPort: config.listen.tproxy,
    exclude: config.intercept.exclude,
    quic: config.intercept.quic,
  }
}

import type { ComponentChildren, JSX } from 'preact'
import { Icon, type IconName } from './Icon.tsx'

type Props = JSX.IntrinsicElements['button'] & {
  icon?: IconName
  kind?: 'plain' | 'primary' | 'quiet'
  /** Words for an icon without text; also its tooltip. */
  label?: string
  children?: ComponentChildren
}

export function Button({ icon, kind = 'plain', label, children, class: extra, ...rest }: Props) {
  const only = children === undefined
  return (
    <button
      type="button"
      class={`btn btn-${kind}${only ? ' btn-icon' : ''}${extra ? ` ${String(extra)}` : ''}`}
      aria-label={label}
      title={label}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  )
}

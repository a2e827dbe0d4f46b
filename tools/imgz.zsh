#compdef imgz
# SPDX-License-Identifier: MIT
#
# Zsh completion of imgz: commands, the options of each command, their values, files and devices.
# Installed as zsh/site-functions/_imgz; to try it, copy it as _imgz into a folder of $fpath.

# Sets 'names' to the options of command $1.
_imgz_options_of() {
    local -a far=(ssh remote-imgz sudo)
    local -a job=(threads digest $far json progress quiet verbose help)
    case $1 in
    capture)
        names=($job level chunk-size chunk-hash direct on-error retries map timeout size resume
            discard-partial override force dry-run mode reproducible allow-empty)
        ;;
    restore)
        names=($job only-changed read-back resume paranoid discard discard-partial fix-gpt
            override yes force dry-run mode)
        ;;
    verify) names=($job against paranoid scrub direct) ;;
    hash) names=($job chunk-size chunk-hash direct) ;;
    info) names=(topology threads chunk-size $far json help) ;;
    devices) names=(json help) ;;
    bench)
        names=(threads chunk-size chunk-hash direct seconds write-to json progress quiet verbose
            help)
        ;;
    remote) names=(help) ;;
    *) names=() ;;
    esac
}

# Adds option $1 to 'specs', as _arguments wants it.
_imgz_add_spec() {
    case $1 in
    level) specs+=('--level=[compression]:level:(fast 0 1 2 3 4 5 6 7 8 9 10 11 12)') ;;
    chunk-size)
        specs+=('--chunk-size=[unit compressed and hashed]:size:(64K 128K 256K 512K 1M 2M 4M 8M 16M)')
        ;;
    chunk-hash) specs+=('--chunk-hash=[how chunks are hashed]:hash:(xxh3 sha256)') ;;
    against) specs+=('--against=[compare this with the image]:source:_imgz_path') ;;
    scrub) specs+=('--scrub[check chunks as they are stored, without decoding]') ;;
    digest) specs+=('--digest=[digests of the raw disk]:list:_imgz_digests') ;;
    topology) specs+=('--topology[show where threads and buffers would go]') ;;
    threads) specs+=('(-T --threads)'{-T+,--threads=}'[number of workers, 0 for all]:number: ') ;;
    direct) specs+=('--direct=[bypass the page cache when reading]:when:(auto on off)') ;;
    seconds) specs+=('--seconds=[total time]:seconds:(5 10 30 60)') ;;
    write-to) specs+=('--write-to=[also measure a restore, to a file there]:folder:_directories') ;;
    on-error) specs+=('--on-error=[unreadable sectors]:what:(stop zero)') ;;
    retries) specs+=('--retries=[how many times to retry an unreadable sector]:number:(0 1 3 10)') ;;
    map) specs+=('--map=[keep a map of what was read]:file:_files') ;;
    size) specs+=('--size=[how large SOURCE must be]:size:') ;;
    timeout) specs+=('--timeout=[end the job if a read takes longer]:seconds:(30 60 120 300)') ;;
    only-changed) specs+=('--only-changed[write only the chunks that differ on the device]') ;;
    read-back) specs+=('--read-back[when done, read the target again and check it]') ;;
    resume) specs+=('--resume[go on from where an interrupted run stopped]') ;;
    paranoid) specs+=('--paranoid[compare bytes, not hashes]') ;;
    fix-gpt) specs+=('--fix-gpt[move the backup of the GPT to the end of a larger device]') ;;
    discard-partial)
        specs+=('--discard-partial[delete what an interrupted run left, and start over]')
        ;;
    discard) specs+=('--discard[first discard everything on the device]') ;;
    override) specs+=('--override=[override these refusals]:list:_imgz_overrides') ;;
    yes) specs+=('(-y --yes)'{-y,--yes}'[do not ask before a device is overwritten]') ;;
    force) specs+=('(-f --force)'{-f,--force}'[replace an existing file]') ;;
    mode) specs+=('--mode=[permissions of a new file]:octal:(0600 0640 0644)') ;;
    reproducible) specs+=('--reproducible[leave times and names out of the image]') ;;
    dry-run)
        specs+=('(-n --dry-run)'{-n,--dry-run}'[show what imgz would do, and write nothing]')
        ;;
    allow-empty) specs+=('--allow-empty[accept an empty pipe as an empty disk]') ;;
    ssh) specs+=('--ssh=[the ssh client to use]:command:(ssh)') ;;
    remote-imgz) specs+=('--remote-imgz=[where the other host has imgz]:path: ') ;;
    sudo) specs+=('--sudo[run imgz on the other host as root]') ;;
    json) specs+=('--json[print one JSON object on standard output]') ;;
    progress) specs+=('--progress=[how progress is shown]:how:(auto bar json none)') ;;
    quiet) specs+=('(-q --quiet -v --verbose)'{-q,--quiet}'[print only errors]') ;;
    verbose) specs+=('(-q --quiet -v --verbose)'{-v,--verbose}'[print what happens]') ;;
    help) specs+=('(- *)'{-h,--help}'[show the options of the command]') ;;
    esac
}

_imgz_digests() {
    _values -s , digest md5 sha1 sha224 sha256 sha384 sha512 b2
}

_imgz_overrides() {
    if [[ $command == capture ]]; then
        _values -s , reason changed
    else
        _values -s , reason mounted swap held root image-disk sector-size partition too-small \
            no-room
    fi
}

# Files and folders; in /dev only block devices.
_imgz_path() {
    if [[ $PREFIX == /dev/* ]]; then
        _files -g '*(%b)'
    else
        _files
    fi
}

_imgz() {
    local -a commands=(
        'capture:read a drive, file or pipe into an image'
        'restore:write the disk in an image to a drive, file or pipe'
        'verify:check an image, or compare a drive with it'
        'hash:print the hashes of a drive or of the disk in an image'
        'info:show what an image says about itself'
        'devices:list the drives of this machine'
        'bench:measure what this machine can do'
        'remote:serve imgz on another host (started by ssh)'
        'help:show the options of a command'
    )
    local -a names specs
    local name command curcontext=$curcontext state

    _arguments -C '(- *)'{-h,--help}'[show the commands]' \
        '(- *)'{-V,--version}'[show the version]' ':command:->command' '*::argument:->argument'
    case $state in
    command) _describe command commands ;;
    argument)
        command=$words[1]
        if [[ $command == help ]]; then
            _arguments ':command:(capture restore verify hash info devices bench remote)'
            return
        fi
        _imgz_options_of $command
        for name in $names; do
            _imgz_add_spec $name
        done
        [[ $command == (devices|remote) ]] || specs+=('*:path:_imgz_path')
        _arguments -s $specs
        ;;
    esac
}

_imgz "$@"

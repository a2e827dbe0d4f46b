# SPDX-License-Identifier: MIT
#
# Fish completion of imgz: commands, the options of each command, their values, files and devices.
# Installed as fish/vendor_completions.d/imgz.fish; to try it: source tools/imgz.fish

function __imgz_command --description 'Whether the command is one of those named'
    set --local words (commandline --tokenize --current-process --cut-at-cursor)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end

function __imgz_no_command --description 'Whether the command is still to come'
    test (count (commandline --tokenize --current-process --cut-at-cursor)) -lt 2
end

function __imgz_word --description 'What is there of the path or value that is completed'
    commandline --current-token --cut-at-cursor | string replace --regex '^--[a-z-]+=' ''
end

function __imgz_paths --description 'Files and folders; in /dev only block devices'
    set --local word (__imgz_word)
    if string match --quiet '/dev/*' -- $word
        lsblk --noheadings --paths --list --output NAME 2>/dev/null
    else
        __fish_complete_path $word
    end
end

# The value of an option that takes a list: what is there up to the last comma, and one word more.
function __imgz_list
    set --local before (string match --regex '^.*,' -- (__imgz_word))
    printf "$before%s\n" $argv
end

# __imgz_option COMMANDS ARGUMENTS OF complete...
function __imgz_option
    complete --command imgz --condition "__imgz_command $argv[1]" $argv[2..]
end

set --local jobs capture restore verify hash
set --local commands $jobs info devices bench
set --local readers $jobs info

complete --command imgz --no-files
complete --command imgz --condition __imgz_no_command --short-option h --long-option help \
    --description 'Show the commands'
complete --command imgz --condition __imgz_no_command --short-option V --long-option version \
    --description 'Show the version'
complete --command imgz --condition __imgz_no_command --arguments capture \
    --description 'Read a drive, file or pipe into an image'
complete --command imgz --condition __imgz_no_command --arguments restore \
    --description 'Write the disk in an image to a drive, file or pipe'
complete --command imgz --condition __imgz_no_command --arguments verify \
    --description 'Check an image, or compare a drive with it'
complete --command imgz --condition __imgz_no_command --arguments hash \
    --description 'Print the hashes of a drive or of the disk in an image'
complete --command imgz --condition __imgz_no_command --arguments info \
    --description 'Show what an image says about itself'
complete --command imgz --condition __imgz_no_command --arguments devices \
    --description 'List the drives of this machine'
complete --command imgz --condition __imgz_no_command --arguments bench \
    --description 'Measure what this machine can do'
complete --command imgz --condition __imgz_no_command --arguments remote \
    --description 'Serve imgz on another host (started by ssh)'
complete --command imgz --condition __imgz_no_command --arguments help \
    --description 'Show the options of a command'
__imgz_option help --arguments "$commands remote"
__imgz_option "$jobs info bench" --arguments '(__imgz_paths)'

__imgz_option capture -x -l level -a 'fast (seq 0 12)' -d Compression
__imgz_option 'capture hash info bench' -x -l chunk-size \
    -a '64K 128K 256K 512K 1M 2M 4M 8M 16M' -d 'Unit of compression and hashing'
__imgz_option 'capture hash bench' -x -l chunk-hash -a 'xxh3 sha256' -d 'How chunks are hashed'
__imgz_option verify -x -l against -a '(__imgz_paths)' -d 'Compare this with the image'
__imgz_option verify -l scrub -d 'Check chunks as they are stored, without decoding'
__imgz_option "$jobs" -x -l digest \
    -a '(__imgz_list md5 sha1 sha224 sha256 sha384 sha512 b2)' -d 'Digests of the raw disk'
__imgz_option info -l topology -d 'Show where threads and buffers would go'
__imgz_option "$jobs info bench" -x -s T -l threads -d 'Number of workers, 0 for one per processor'
__imgz_option 'capture verify hash bench' -x -l direct -a 'auto on off' \
    -d 'Bypass the page cache when reading'
__imgz_option bench -x -l seconds -a '5 10 30 60' -d 'Total time'
__imgz_option bench -x -l write-to -a '(__fish_complete_directories)' \
    -d 'Also measure a restore, to a file there'
__imgz_option capture -x -l on-error -a 'stop zero' -d 'Unreadable sectors'
__imgz_option capture -x -l retries -a '0 1 3 10' -d 'How many times to retry an unreadable sector'
__imgz_option capture -r -F -l map -d 'Keep a map of what was read'
__imgz_option capture -x -l size -d 'How large SOURCE must be'
__imgz_option capture -x -l timeout -a '30 60 120 300' -d 'End the job if a read takes longer'
__imgz_option restore -l only-changed -d 'Write only the chunks that differ on the device'
__imgz_option restore -l read-back -d 'When done, read the target again and check it'
__imgz_option 'capture restore' -l resume -d 'Go on from where an interrupted run stopped'
__imgz_option 'capture restore' -s n -l dry-run -d 'Show what imgz would do, and write nothing'
__imgz_option 'capture restore' -l discard-partial \
    -d 'Delete what an interrupted run left, and start over'
__imgz_option 'restore verify' -l paranoid -d 'Compare bytes, not hashes'
__imgz_option restore -l discard -d 'First discard everything on the device'
__imgz_option restore -l fix-gpt -d 'Move the backup of the GPT to the end of a larger device'
__imgz_option restore -x -l override -d 'Override these refusals' \
    -a '(__imgz_list mounted swap held root image-disk sector-size partition too-small no-room)'
__imgz_option capture -x -l override -d 'Override these refusals' -a changed
__imgz_option restore -s y -l yes -d 'Do not ask before a device is overwritten'
__imgz_option 'capture restore' -s f -l force -d 'Replace an existing file'
__imgz_option 'capture restore' -x -l mode -a '0600 0640 0644' -d 'Permissions of a new file'
__imgz_option capture -l reproducible -d 'Leave times and names out of the image'
__imgz_option capture -l allow-empty -d 'Accept an empty pipe as an empty disk'
__imgz_option "$readers" -x -l ssh -a ssh -d 'The ssh client to use'
__imgz_option "$readers" -x -l remote-imgz -d 'Where the other host has imgz'
__imgz_option "$readers" -l sudo -d 'Run imgz on the other host as root'
__imgz_option "$commands" -l json -d 'Print one JSON object on standard output'
__imgz_option "$jobs bench" -x -l progress -a 'auto bar json none' -d 'How progress is shown'
__imgz_option "$jobs bench" -s q -l quiet -d 'Print only errors'
__imgz_option "$jobs bench" -s v -l verbose -d 'Print what happens'
__imgz_option "$commands remote" -s h -l help -d 'Show the options of the command'

<?php

/** Runs the scenarios of ../README.md over php-amqplib and reports each in a line. */

declare(strict_types=1);

namespace Ferry;

// Warnings of this code, but not what a library says that is older than this PHP.
error_reporting(E_ALL & ~E_DEPRECATED);
set_error_handler(function (int $kind, string $text, string $file, int $line): bool {
    if (error_reporting() & $kind) {
        throw new \ErrorException($text, 0, $kind, $file, $line);
    }
    return false;
});

require 'PhpAmqpLib/autoload.php';
require __DIR__ . '/broker.php';

$broker = new Broker($argv[1], $argv[2]);
$themes = ['topology', 'publishing', 'consuming', 'dead_letters', 'contents', 'refusals', 'recovery'];
foreach ($themes as $theme) {
    foreach (require __DIR__ . "/$theme.php" as $name => $scenario) {
        try {
            $scenario($broker);
            echo "ok $name\n";
        } catch (\Throwable $wrong) {
            $text = get_class($wrong) . ' ' . str_replace("\n", ' ', $wrong->getMessage());
            echo "failed $name: $text\n";
            fwrite(STDERR, "$name: $wrong\n");
        }
        $broker->hangUp();
    }
}

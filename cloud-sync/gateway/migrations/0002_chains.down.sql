DROP FUNCTION prim_make_partitions();
DROP TABLE rejected, quarantine, heads, holes, records, cursors, device_keys, devices;
DROP DOMAIN stream_name;

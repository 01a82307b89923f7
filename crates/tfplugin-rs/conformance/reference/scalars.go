package main

import (
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/float64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int32default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/numberdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
)

// script and stamp are in every schema: what shall go wrong, and something computed.
func base(attributes map[string]schema.Attribute) schema.Schema {
	attributes["script"] = schema.StringAttribute{Optional: true}
	attributes["stamp"] = schema.StringAttribute{Computed: true}
	return schema.Schema{Attributes: attributes}
}

// exact has more digits than a 64-bit float can hold.
func exact() *big.Float {
	number, _, err := big.ParseFloat("12345678901234567890.5", 10, 512, big.ToNearestEven)
	if err != nil {
		panic(err)
	}
	return number
}

// scalars has every kind of scalar in every role.
func scalars() schema.Schema {
	return base(map[string]schema.Attribute{
		"bool_required":    schema.BoolAttribute{Required: true},
		"bool_optional":    schema.BoolAttribute{Optional: true},
		"bool_computed":    schema.BoolAttribute{Computed: true},
		"bool_both":        schema.BoolAttribute{Optional: true, Computed: true},
		"bool_default":     schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(true)},
		"float_optional":   schema.Float64Attribute{Optional: true},
		"float_computed":   schema.Float64Attribute{Computed: true},
		"float_both":       schema.Float64Attribute{Optional: true, Computed: true},
		"float_default":    schema.Float64Attribute{Optional: true, Computed: true, Default: float64default.StaticFloat64(0.5)},
		"int_optional":     schema.Int64Attribute{Optional: true},
		"int_computed":     schema.Int64Attribute{Computed: true},
		"int_both":         schema.Int64Attribute{Optional: true, Computed: true},
		"int_default":      schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(5)},
		"small_optional":   schema.Int32Attribute{Optional: true},
		"small_default":    schema.Int32Attribute{Optional: true, Computed: true, Default: int32default.StaticInt32(-5)},
		"number_required":  schema.NumberAttribute{Required: true},
		"number_optional":  schema.NumberAttribute{Optional: true},
		"number_computed":  schema.NumberAttribute{Computed: true},
		"number_both":      schema.NumberAttribute{Optional: true, Computed: true},
		"number_default":   schema.NumberAttribute{Optional: true, Computed: true, Default: numberdefault.StaticBigFloat(exact())},
		"string_required":  schema.StringAttribute{Required: true},
		"string_optional":  schema.StringAttribute{Optional: true},
		"string_computed":  schema.StringAttribute{Computed: true},
		"string_both":      schema.StringAttribute{Optional: true, Computed: true},
		"string_default":   schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("d")},
		"string_sensitive": schema.StringAttribute{Optional: true, Sensitive: true},
		"string_old":       schema.StringAttribute{Optional: true, DeprecationMessage: "Use string_optional."},
	})
}
